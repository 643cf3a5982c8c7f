"""Bundle in, record and report out: latency and memory on phones, hosts and GPUs."""
