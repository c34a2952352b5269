"""The embedded model: llama.cpp inside this process, behind an httpx transport.

::

    transport.py   requests and answers, on the I/O thread         (the only room here that knows httpx)
      shapes.py    what the API says and what llama.cpp says, each in the other's words
      shelf.py     the models in memory: loaded once, shared, unloaded
        engine.py  one model in memory: slots, the queue before them, and how a job is stopped
        gguf.py    what a model's file says of itself, and how much room it gets
        weights.py the default model's file, fetched from the package index
"""
