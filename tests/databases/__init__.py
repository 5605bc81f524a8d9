"""What released schemas left on disks, one SQL dump for each version of each file; never edited once released.

``python -m tests.databases.write`` adds the dumps of the newest schema where they are missing.
"""
