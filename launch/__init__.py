"""From a shell to a running job: command line, ranks, progress, pictures, the demo."""
