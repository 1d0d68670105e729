"""Two keys, two tensors or two tokens of one name, of which checks may see one and code the other.

ModelLoadError that names the file and the name.
"""

from stage import refuses

from testing.gguf_damages import Q, edit, retoken
from testing.gguf_parts import tensor

refuses(
    edit("a key twice", "small", lambda p: p.keys.update(again=p.keys["general.name"]), "'general.name' occurs twice"),
    edit("a tensor twice", "small", lambda p: p.tensors.update(again=tensor(Q, [1], 0, 0)), f"'{Q}'"),
    edit("a token twice", "small", retoken(lambda t: [*t[:-1], t[300]]), "tokens holds '.*' twice"),
)
