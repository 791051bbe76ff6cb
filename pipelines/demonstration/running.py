"""The demo from its settings to its page."""

import sys
from importlib.util import find_spec

from pipelines.demonstration.commands import CORPUS, CURATE, EVALUATE, HELD_OUT, MIXED, MODEL, Step, steps_of
from pipelines.demonstration.inputs import write_corpus, write_held_out
from pipelines.demonstration.page import PAGE_FILE, page_of
from pipelines.demonstration.settings import PROG, Demo
from pipelines.demonstration.steps import STOPPED, Runner, StepError, total_seconds
from pipelines.shards.folder import Folder
from pipelines.shards.identity import claim_folder

NEEDED = {"torch": "train", "tensorboard": "train", "rapidocr": "ocr"}  # extras by a module of theirs


def demonstrate(demo: Demo) -> int:
    """Do what is missing of the demo and write its page; the process's exit code."""
    if demo.dry_run:
        print("\n".join(step.command for step in steps_of(demo)))
        return 0
    try:
        _check_packages()
        print(_run(demo, Folder(demo.out)))
    except (ValueError, OSError) as error:
        print(f"{PROG}: {error}", file=sys.stderr)
        return 1
    except StepError as error:
        print(f"\n{PROG}: {error}\nThe same command goes on from there.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{PROG}: stopped; the same command goes on from here", file=sys.stderr)
        return STOPPED
    return 0


def _run(demo: Demo, out: Folder) -> str:
    """Run the steps and write the page; what is said at the end."""
    claim(demo)
    runner, steps = Runner(out), steps_of(demo)
    for step in steps:
        if runner.is_done(step):
            print(f"done before: {step.name}", flush=True)
        else:
            _prepare(step, demo)
            runner.run(step)
    out.put(PAGE_FILE, page_of(demo, steps, runner.taken).encode())
    seconds, cpu_seconds = total_seconds(runner.taken[step.name] for step in steps)
    return f"\nall steps {seconds:,.0f} s, {cpu_seconds:,.0f} CPU s\npage      {out.url}/{PAGE_FILE}"


def claim(demo: Demo) -> None:
    """Make the folder this demo's. Raises ValueError showing the differences where it is another's."""
    claim_folder(Folder(demo.out), {"demo": demo.identity()})


def _prepare(step: Step, demo: Demo) -> None:
    """Make what a step reads and no step before it makes."""
    if step.name == CURATE:
        count = write_corpus(Folder(f"{demo.out}/{CORPUS}"))
        print(f"\n{count} images in {demo.out}/{CORPUS}: photographs of scikit-image, and copies spoilt on purpose")
    elif step.name == f"{EVALUATE} {MODEL}":
        count = write_held_out(f"{demo.out}/{MIXED}", Folder(f"{demo.out}/{HELD_OUT}"), demo.num_held_out)
        print(f"\n{count} held-out pages in {demo.out}/{HELD_OUT}, as files")


def _check_packages() -> None:
    """Raise ValueError where a step would miss a package: better now than minutes later."""
    missing = sorted({extra for module, extra in NEEDED.items() if find_spec(module) is None})
    if missing:
        raise ValueError(f"some steps need more packages: pip install -e '.[{','.join(missing)}]'")
