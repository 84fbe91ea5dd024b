"""``torch.storage``: what tensors that alias one another share.

>>> import rustorch as torch
>>> x = torch.ones(2)
>>> isinstance(x.storage(), torch.storage.TypedStorage), x.storage().tolist()
(True, [1.0, 1.0])
"""

from rustorch.eager.storages import TypedStorage as TypedStorage, UntypedStorage as UntypedStorage
