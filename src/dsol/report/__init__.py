"""Reports: one HTML file of a run, or of the demo, that needs no network."""
