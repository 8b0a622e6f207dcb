"""Archives of `torch.export` (`.pt2`) as data: JSON and plain numbers; nothing is unpickled and no operation runs."""
