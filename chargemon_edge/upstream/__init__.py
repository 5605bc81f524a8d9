"""The operator's edge: facts and outcomes out to MQTT brokers, commands and limits in.

It will never decide a current: a limit from upstream becomes one more limit of the main fuse in the picture. It is the
only room that knows paho, and no wait of its brokers, names or certificates ever holds up the event loop.
"""
