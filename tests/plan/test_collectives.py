"""What devices send to each other is read off the program."""

from jaxcnn.plan.collectives import Collective, collectives

# Of the training step's HLO for v5e, shortened; the loop's body and the awaiting half are in it.
HLO = """
%fused (p: f32[8]) -> f32[8] {
  %all-reduce.3 = f32[]{:T(128)} all-reduce(%p), channel_id=3, to_apply=%add
}
ENTRY %main {
  %all-reduce.1 = f32[5,5,1,6]{3,2,1,0:T(8,128)} all-reduce(%x), channel_id=1, to_apply=%add
  %all-reduce-start.2 = (f32[16]{0}, bf16[120,84]{1,0}) all-reduce-start(%y, %z), channel_id=2
  %all-reduce-done.2 = (f32[16]{0}, bf16[120,84]{1,0}) all-reduce-done(%all-reduce-start.2)
  %ag = (f32[30,84]{1,0}, f32[120,84]{1,0}) all-gather-start(%w), dimensions={0}
  %agd = f32[120,84]{1,0} all-gather-done(%ag)
  %cp = (u8[4,7]{1,0}, u8[4,7]{1,0}, u32[]{:S(2)}, u32[]{:S(2)}) collective-permute-start(%i)
  ROOT %rs = f32[30]{0} reduce-scatter(%v), dimensions={0}
}
"""


def test_collectives_are_counted_with_the_bytes_of_their_results():
    assert collectives(HLO) == {
        "all-reduce": Collective(3, 4 + 4 * 150 + 4 * 16 + 2 * 120 * 84),
        "all-gather": Collective(1, 4 * 120 * 84),
        "collective-permute": Collective(1, 28),
        "reduce-scatter": Collective(1, 120),
    }


def test_a_program_of_one_device_sends_nothing():
    assert collectives("ENTRY %main { ROOT %a = f32[2]{0} add(%x, %y) }") == {}
