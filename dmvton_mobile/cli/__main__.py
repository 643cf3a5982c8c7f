"""`python -m dmvton_mobile.cli` is `dmvton`."""

from dmvton_mobile.cli.main import main

main()
