"""The stages by name, the papers' four in the order in which they are run; `build_stage` makes one."""

from dmvton_mobile.errors import DmvtonError, UnknownName
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.lite import LiteNetwork
from training.stages.initialisation import inherit
from training.stages.lite_student import LiteStudent
from training.stages.network_stage import Setting
from training.stages.stage import Stage
from training.stages.student_stages import StudentTryOn, StudentWarp
from training.stages.supervised import TruthTryOn, TruthWarp
from training.stages.teacher import Teacher
from training.stages.teacher_stages import TeacherTryOn, TeacherWarp

TEACHER_STAGES = {"teacher-warp": TeacherWarp, "teacher-tryon": TeacherTryOn}
STUDENT_STAGES = {"student-warp": StudentWarp, "student-tryon": StudentTryOn}
TRUTH_STAGES = {"truth-warp": TruthWarp, "truth-tryon": TruthTryOn}
UNTAUGHT_STAGES = TEACHER_STAGES | TRUTH_STAGES


def build_stage(name: str, network: TryOnNetwork, setting: Setting, *, teacher: TryOnNetwork | None = None) -> Stage:
    """The stage of that name, in training mode; it trains `network` in place.

    network: parser-based for the teacher's stages, parser-free for the student's (dmvton-lite has the second alone),
    dmvton-lite for the truth's. teacher: the trained parser-based network, for the student's stages; it is frozen.
    `student-warp` first copies the teacher's weights into the network where the scheme has the student start with them.
    Raises UnknownName for the name, DmvtonError for networks that do not suit the stage.
    """
    if name in UNTAUGHT_STAGES:
        if teacher is not None:
            raise DmvtonError(f"{name} has no teacher: leave the teacher out.")
        return UNTAUGHT_STAGES[name](network, setting).train()
    if name not in STUDENT_STAGES:
        raise UnknownName("stage", name, [*TEACHER_STAGES, *STUDENT_STAGES, *TRUTH_STAGES])
    if teacher is None:
        raise DmvtonError(f"{name} needs a teacher: name its checkpoint.")
    if name == "student-tryon" and isinstance(network, LiteNetwork):
        return LiteStudent(network, setting, Teacher(teacher)).train()
    stage = STUDENT_STAGES[name](network, setting, Teacher(teacher))
    if name == "student-warp" and setting.scheme.fresh:
        inherit(network.warp, teacher.warp, setting.scheme.fresh)
    return stage.train()
