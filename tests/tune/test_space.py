import pytest

from jaxcnn.errors import UserError
from jaxcnn.tune.space import Choices, Interval, read_search


def test_ranges_have_the_type_of_their_field_and_lists_its_values():
    search = read_search(
        ["optim.lr=log:1e-4:0.1", "augment.mixup=0:0.4", "epochs=2:9", "batch-size=log:16:256"]
        + ["model.drop_rate=0,0.2", "optim.nesterov=true,false", "schedule.milestones=0.5,0.5 0.75"]
        + ["optim.clip-norm=none,1"],
        "lenet5",
    )
    assert search == {
        "optim.lr": Interval(1e-4, 0.1, log=True, whole=False),
        "augment.mixup": Interval(0, 0.4, log=False, whole=False),
        "epochs": Interval(2, 9, log=False, whole=True),
        "batch_size": Interval(16, 256, log=True, whole=True),
        "model.drop_rate": Choices((0, 0.2)),
        "optim.nesterov": Choices((True, False)),
        "schedule.milestones": Choices(((0.5,), (0.5, 0.75))),
        "optim.clip_norm": Choices((None, 1)),
    }
    for field, domain in search.items():
        assert read_search([f"{field}={domain}"]) == {field: domain}, "as it is kept in tune.json"


def test_an_architectures_own_fields_are_searched_too():
    assert read_search(["model.pool=true,false"], "lenet5")["model.pool"].ends == (True, False)
    assert read_search(["arch=mlp,lenet5", "model.pool=true,false"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--search is missing or empty; give FIELD=RANGE, as optim.lr=log:1e-4:1e-1"),
        (["optim.lr"], "--search: 'optim.lr' is not FIELD=RANGE"),
        (["optim.l=0:1"], "no field is called 'optim.l'; did you mean optim.lr?"),
        (["lr=0:1"], "did you mean optim.lr?"),
        (["optim.lr=0.1:1", "optim-lr=1:2"], "no field is called 'optim-lr'"),
        (["optim.lr=0.1:1", "optim.lr=1:2"], "optim.lr is there twice"),
        (["optim.lr=1:0.1"], "the first end must be the lower; give 0.1:1"),
        (["optim.lr=1:1"], "the first end must be the lower; give two different ends"),
        (["optim.lr=log:0:1"], "a logarithmic range begins above 0"),
        (["optim.lr=ln:1:2"], "'ln' is no scale; give LOW:HIGH or log:LOW:HIGH"),
        (["optim.lr=1:big"], "is not LOW:HIGH of two numbers"),
        (["optim.lr=1:inf"], "both ends must be finite"),
        (["epochs=1:2.5"], "is not LOW:HIGH of two whole numbers"),
        (["optim.lr=0.1"], "is one value, nothing to search"),
        (["optim.lr=0.1,0.1"], "has a value twice"),
        (["optim.lr=0.1,"], "a value of optim.lr is empty"),
        (["optim.betas=0:1"], "is a range, and the field is no number"),
        (["optim.nesterov=0:1"], "is a range, and the field is no number"),
        (["optim.name=sgd,adam"], "optim.name is 'adam', not sgd or adamw"),
        (["seed=0:9"], "seed is not searched: a seed is no choice but a draw"),
        (["dataset=digits,mnist"], "compared on the same validation images"),
        (["test=true,false"], "no trial opens the test split"),
        (["workers=0,1"], "it says where a run happens"),
        (["mesh.fsdp=1,2"], "it says where a run happens"),
    ],
)
def test_what_is_no_search_is_refused_in_a_line(words, message):
    with pytest.raises(UserError) as refused:
        read_search(words, "lenet5")
    assert message in str(refused.value) and "\n" not in str(refused.value)
