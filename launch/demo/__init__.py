"""The demo: a SONATA circuit of five Allen cell types, built, run and drawn."""
