"""The control plane's Celery application: ``celery -A cloudassist worker``.

The role ``control`` runs the aggregator, the sweeper, heartbeats and retention; the role ``dispatch`` holds the signing
key and runs two tasks. The same application serves ``celery -A cloudassist inspect`` and ``assist``, and as the role
``flower`` ``celery -A cloudassist flower``: that hears events, and of what it says only questions are heard.
"""
