"""The launcher: everything between `make` and the processes of Broadsheet."""
