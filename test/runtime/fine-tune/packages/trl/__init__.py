"""Stands for TRL."""
import web  # of an image's own, though a program of ours has that name too

assert web.IS_OF_THE_IMAGE
