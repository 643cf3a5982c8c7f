"""One exporter per target."""
