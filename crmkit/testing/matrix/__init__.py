"""The matrix of rights: whoever asks, whatever is asked for, by real requests.

Each part answers sentences on what does not hold, none where all is well. All of it happens in a
transaction of the caller that is rolled back.
"""
