from jaxcnn.selfchecks.input import check_input


def test_pictures_that_it_draws_are_read_as_photographs():
    figures = check_input(rounds=1, pictures=4, batch_size=2).figures
    assert 0 < figures["lowest"] == figures["images_per_second"]
