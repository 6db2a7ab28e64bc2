"""The tools that `make` needs beside Python packages: found on the machine, or fetched into ``.tools``."""
