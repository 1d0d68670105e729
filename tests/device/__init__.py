"""What computes on a device: the test accelerator in C++, and the tests whose device ``--device`` names."""
