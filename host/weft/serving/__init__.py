"""Boards behind the Open Inference Protocol, version 2, over HTTP and gRPC.

Ray Serve keeps a replica for each board, chooses one for each request, and starts another one where
a replica has died. Here are the protocol, what a replica does, and the gateway before them.
"""
