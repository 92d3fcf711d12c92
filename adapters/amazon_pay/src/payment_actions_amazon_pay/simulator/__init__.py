"""A simulator of Amazon Pay v1 (MWS ``OffAmazonPayments``), run as its own process.

Complete enough that Amazon's own SDK works against it with nothing changed but the endpoint. All state is in
memory: stopping the process forgets every order.
"""
