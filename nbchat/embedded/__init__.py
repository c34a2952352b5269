"""The embedded model: llama.cpp inside this process, behind an httpx transport.

::

    transport.py   requests and answers, on the I/O thread         (the only room here that knows httpx)
      answers.py   what llama.cpp says, in the API's words
        calls.py     calls of functions, read out of what a model writes
      shapes.py    what the API asks, in llama.cpp's words
        briefing.py  functions in the prompt, and what came of them
        offer.py     the functions that a request offers
        grammar.py   what an answer has to look like, as a grammar
        bounds.py    JSON schemas with bounds
      shelf.py     the models in memory: loaded once, shared, unloaded
        engine.py  one model in memory: slots, the queue before them, and how a job is stopped
        gguf.py    what a model's file says of itself, and how much room it gets
        weights.py the default model's file, fetched from the package index
      refusal.py   a request that is answered with an error
"""
