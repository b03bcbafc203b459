"""Values to bytes and back: the frame, its codec and the declaration of both. No I/O."""
