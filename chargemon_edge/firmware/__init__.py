"""Files for and from charge points: firmware images to fetch, diagnostics and logs to deliver.

It will never speak OCPP: control asks the charge points, this room holds, checks, offers and takes files. A file that
came from elsewhere is bytes here: it is never unpacked, never run, and never called on disk what anybody calls it.
"""
