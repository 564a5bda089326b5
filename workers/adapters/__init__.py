"""One file per outside thing; its errors are translated at its border."""
