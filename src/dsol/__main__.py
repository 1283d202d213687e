"""`python -m dsol` is the `dsol` command."""

from dsol.cli import main

main()
