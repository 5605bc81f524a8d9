"""The operator's edge: facts and outcomes out to an MQTT broker, commands in. Not furnished yet.

The room has its place in the import contracts so that nothing else grows into it. It will never decide a current: a
limit from upstream becomes one more circuit limit in the picture.
"""
