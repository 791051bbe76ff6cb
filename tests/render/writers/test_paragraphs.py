"""Paragraphs out of the lines of books, Markdown and plain lists."""

from render.writers.paragraphs import paragraphs

WRAPPED = """It was the best of times, it was the worst of
times, it was the age of wisdom, it was the age
of foolishness.

CHAPTER II

A new paragraph begins here.
""".splitlines()


def test_wrapped_lines_are_joined_and_headings_stand_alone() -> None:
    assert list(paragraphs(WRAPPED)) == [
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness.",
        "CHAPTER II",
        "A new paragraph begins here.",
    ]


def test_wrapped_chinese_is_joined_without_spaces_even_over_blank_lines() -> None:
    lines = ["    所谓回忆者，虽说可以使人欢欣，有时也不免使人", "", "    寂寞。", "尾声", "完了。"]

    assert list(paragraphs(lines)) == [
        "所谓回忆者，虽说可以使人欢欣，有时也不免使人寂寞。",
        "尾声",
        "完了。",
    ]


def test_the_frame_of_project_gutenberg_is_left_out() -> None:
    book = [
        "The Project Gutenberg EBook of Nothing",
        "Title: Nothing.",
        "*** START OF THIS PROJECT GUTENBERG EBOOK NOTHING ***",
        "The story.",
        "End of the Project Gutenberg EBook of Nothing",
        "Licence.",
    ]

    assert list(paragraphs(book)) == ["The story."]


def test_markdown_is_taken_off() -> None:
    page = """# A *bold* title

Read [the guide](https://x.org/y) and `run_me` **now**.<br>
![picture](a.png)
- first item.
> quoted text.

| a | b |
|---|---|
```python
x = 1.
```
The sum $x^2$ is dropped.
""".splitlines()

    assert list(paragraphs(page, is_markdown=True)) == [
        "A bold title",
        "Read the guide and run_me now.",
        "first item.",
        "quoted text.",
    ]


def test_brackets_left_empty_go() -> None:
    assert list(paragraphs(["《战国无双3》（）是由光荣开发的（，）作品()。"])) == ["《战国无双3》是由光荣开发的作品。"]


def test_text_without_any_end_comes_in_pieces() -> None:
    found = list(paragraphs(["word " * 50] * 1000))

    assert len(found) > 5
    assert max(map(len, found)) < 21_000
