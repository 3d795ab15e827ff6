"""Set the repository's address everywhere it is needed, or take it away.

    python tools/set_address.py https://github.com/OWNER/NAME
    python tools/set_address.py ""

The address lives in `_config.yml`. From there it is repeated where a program needs it: in the first
cell of each notebook (Colab installs the library from it), in `pyproject.toml` and, between the
lines `<!-- address -->` and `<!-- /address -->`, in the README.
"""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
COLAB = "https://colab.research.google.com"
GITHUB = re.compile(r"https://github\.com/([A-Za-z0-9-]+)/([A-Za-z0-9._-]+)")


def check(url: str) -> str:
    """`url` without a closing slash or `.git`; a `ValueError` says why it is no such address."""
    url = url.strip().removesuffix("/").removesuffix(".git")
    if url and not GITHUB.fullmatch(url):
        raise ValueError(
            f"the address must look like https://github.com/OWNER/NAME, and this is {url!r}"
        )
    return url


def read(root: Path) -> str:
    """The address that stands in `_config.yml` under `root`; empty where none is set."""
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]


def readme_lines(url: str) -> str:
    """What the README says about the address: where the pages are, and how to get the files."""
    if not url:
        return ""
    owner, name = GITHUB.fullmatch(url).groups()
    return f"Read it: <https://{owner.lower()}.github.io/{name}/>. Get it: `git clone {url}`.\n"


def replace(path: Path, pattern: str, text: str) -> None:
    """Put `text` where `pattern` matches in a file; exactly one match, or a `ValueError`."""
    old = path.read_text(encoding="utf-8")
    new, count = re.subn(pattern, lambda _: text, old, flags=re.MULTILINE | re.DOTALL)
    if count != 1:
        raise ValueError(f"{path.name}: expected one place for the address, found {count}")
    if new != old:
        path.write_text(new, encoding="utf-8")


def write(root: Path, url: str) -> list[Path]:
    """Set `url` in every file under `root` that repeats it; the files, in order."""
    config, project, readme = (root / n for n in ("_config.yml", "pyproject.toml", "README.md"))
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    replace(config, r'(?<=^repository:\n  url: )"[^"\n]*"', f'"{url}"')
    replace(config, r'(?<=^launch_buttons:\n  colab_url: )"[^"\n]*"', f'"{COLAB if url else ""}"')
    repository = f'Repository = "{url}"\n' if url else ""
    replace(project, r'(?<=^\[project\.urls\]\n)(Repository = "[^"\n]*"\n)?', repository)
    for notebook in notebooks:
        replace(notebook, r'(?<="REPOSITORY = )\\"[^"\\]*\\"', rf"\"{url}\"")
    files = [config, project, *notebooks]
    if readme.exists() and "<!-- address -->" in readme.read_text(encoding="utf-8"):
        replace(readme, r"(?<=<!-- address -->\n).*?(?=<!-- /address -->)", readme_lines(url))
        files.append(readme)
    return files


def main(arguments: list[str]) -> int:
    try:
        url = check(arguments[0] if arguments else "")
        files = write(ROOT, url)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"The address is {url}, in:" if url else "No address is set any more, in:")
    for path in files:
        print(f"  {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
