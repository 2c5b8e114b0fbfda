from jaxcnn.selfcheck.input import check_input


def test_pictures_that_it_draws_are_read_as_photographs():
    figures = check_input(rounds=1, pictures=24, batch_size=4).figures
    assert 0 < figures["lowest"] == figures["images_per_second"]
