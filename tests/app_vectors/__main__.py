import shutil

from tests.app_vectors import FOLDER, make

shutil.rmtree(FOLDER, ignore_errors=True)
FOLDER.mkdir(parents=True)
make(FOLDER)
print(f"Wrote {FOLDER}.")
