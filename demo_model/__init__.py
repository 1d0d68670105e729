"""How the packaged toy model was made: its captions, its vocabulary, its training and its export."""
