"""The files of datasets, one kind each: pictures, label maps, pair lists, poses, truth grids."""
