"""Scripts: made into files, run in processes of their own, followed to their ends, ended with all that they started."""
