"""A student that starts with its teacher's weights, but for what it must learn anew."""

from collections.abc import Sequence

import torch
from torch import nn

from dmvton_mobile.checkpoints.states import CheckpointError, compare_states


def is_fresh(key: str, fresh: Sequence[str]) -> bool:
    """Whether the key of a parameter or buffer contains one of the fragments."""
    return any(fragment in key for fragment in fresh)


@torch.no_grad()
def inherit(student: nn.Module, teacher: nn.Module, fresh: Sequence[str]) -> list[str]:
    """Copies every parameter and buffer that is not fresh; the keys of those copied.

    Raises CheckpointError where the teacher lacks one of them or has it in another shape: nothing is copied then.
    """
    theirs, ours = (
        {key: value for key, value in module.state_dict().items() if not is_fresh(key, fresh)}
        for module in (teacher, student)
    )
    if problems := compare_states(ours, theirs).sentences():
        raise CheckpointError("\n".join(["The student cannot start with this teacher's weights:", *problems]))
    student.load_state_dict(theirs, strict=False)
    return list(theirs)
