"""Telling subscribers what happens to their identity, beside everything else and in nobody's way.

`table` says which events are told on which channels and `texts` in which words; `writing` makes one
message out of both; `folder`, `smtp` and `webhook` carry it; `notifier` follows the history.
"""
