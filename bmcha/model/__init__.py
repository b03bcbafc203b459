"""The vocabulary: plain values that every other folder shares. Imports nothing of ours."""
