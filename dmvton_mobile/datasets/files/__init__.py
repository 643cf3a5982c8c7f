"""One kind of file each: pictures, label maps, poses, true flows."""
