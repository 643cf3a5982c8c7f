"""Where a suite is run: this host, a GPU, a board or a phone over adb, an iPhone. One file each."""
