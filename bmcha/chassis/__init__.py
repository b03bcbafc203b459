"""The picture of the chassis and the laws that steer it. Pure."""
