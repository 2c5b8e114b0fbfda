import io

from rich.console import Console

from jaxcnn.text.prefixed import prefixed


def test_lines_come_whole_and_after_the_prefix():
    stream = io.StringIO()
    one, two = prefixed(stream, "a: "), prefixed(stream, "b: ")
    one.write("first ")
    two.write("second\nthird\n")
    one.write("half\n")
    assert stream.getvalue() == "b: second\nb: third\na: first half\n"


def test_a_console_writes_to_it():
    stream = io.StringIO()
    Console(file=prefixed(stream, "a: "), width=20).print("x" * 30)
    assert stream.getvalue() == f"a: {'x' * 20}\na: {'x' * 10}\n"
