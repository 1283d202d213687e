"""`dsol demo`: the whole job on data it makes, and the report of it."""
