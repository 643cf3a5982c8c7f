"""The four stages by name, in the order in which they are run; `build_stage` makes one."""

from dmvton_mobile.errors import DmvtonError, UnknownName
from dmvton_mobile.networks import TryOnNetwork
from training.inherit import inherit
from training.network_stage import NetworkStage, Setting
from training.student_stages import StudentTryOn, StudentWarp
from training.teacher import Teacher
from training.teacher_stages import TeacherTryOn, TeacherWarp

TEACHER_STAGES = {"teacher-warp": TeacherWarp, "teacher-tryon": TeacherTryOn}
STUDENT_STAGES = {"student-warp": StudentWarp, "student-tryon": StudentTryOn}


def build_stage(
    name: str, network: TryOnNetwork, setting: Setting, *, teacher: TryOnNetwork | None = None
) -> NetworkStage:
    """The stage of that name, in training mode; it trains `network` in place.

    network: parser-based for the teacher's stages, parser-free for the student's. teacher: the trained parser-based
    network, for the student's stages; it is frozen. `student-warp` first copies the teacher's weights into the network
    where the scheme has the student start with them.
    Raises UnknownName for the name, DmvtonError for networks that do not suit the stage.
    """
    if name not in TEACHER_STAGES | STUDENT_STAGES:
        raise UnknownName("stage", name, [*TEACHER_STAGES, *STUDENT_STAGES])
    if name in TEACHER_STAGES:
        if teacher is not None:
            raise DmvtonError(f"{name} trains a teacher and has none: leave the teacher out.")
        return TEACHER_STAGES[name](network, setting).train()
    if teacher is None:
        raise DmvtonError(f"{name} needs a teacher: name its checkpoint.")
    stage = STUDENT_STAGES[name](network, setting, Teacher(teacher))
    if name == "student-warp" and setting.scheme.fresh:
        inherit(network.warp, teacher.warp, setting.scheme.fresh)
    return stage.train()
