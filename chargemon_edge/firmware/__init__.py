"""Files for and from charge points: firmware images to fetch, diagnostics to deliver. Not furnished yet.

The room has its place in the import contracts so that nothing else grows into it. It will never speak OCPP itself:
the roll-out in control asks the charge points, this room only holds and checks the files.
"""
