"""A file system in memory that does again what the program logged ($INLAY_FAULT_LOG), so that a test can see what a
power cut would leave: files and folders are inodes; what a sync did not reach may be lost, each operation by itself.

A file's bytes are safe once the file was synced after they were written; a name is safe once its folder was synced
after the name was made, changed or removed.
"""

import itertools
import os
import pathlib
import re


class Disk:
    def __init__(self, root=None):
        self.root = str(root)
        self.bytes = {}  # inode of a file: its contents; of a symbolic link: its text
        self.names = {0: {}}  # inode of a folder: {name: inode}
        self.links = set()
        self.fresh = itertools.count(1)
        self.log = []
        if root:
            self.load(pathlib.Path(root), 0, {})

    def load(self, folder, inode, seen):
        for path in sorted(folder.iterdir()):
            if path.is_symlink():
                child = next(self.fresh)
                self.bytes[child] = os.readlink(path).encode()
                self.links.add(child)
            elif path.is_dir():
                child = next(self.fresh)
                self.names[child] = {}
                self.load(path, child, seen)
            else:
                info = path.stat()
                child = seen.setdefault((info.st_dev, info.st_ino), None) or next(self.fresh)
                seen[info.st_dev, info.st_ino] = child
                self.bytes[child] = path.read_bytes()
            self.names[inode][path.name] = child

    @staticmethod
    def copy_of(other):
        copy = Disk()
        copy.root = other.root
        copy.bytes = dict(other.bytes)
        copy.names = {inode: dict(names) for inode, names in other.names.items()}
        copy.links = set(other.links)
        copy.fresh = itertools.count(1 + max([0, *copy.bytes, *copy.names]))
        return copy

    def files(self, inode=0, at=""):
        """{path: bytes} of all files, hidden ones too"""
        found = {}
        for name, child in self.names[inode].items():
            if child in self.names:
                found.update(self.files(child, at + name + "/"))
            else:
                found[at + name] = self.bytes.get(child, b"")
        return found

    def holds(self, other, model):
        """Whether MODEL is here as it is on OTHER: a folder with just these files, else every file beside it that is
        called after it as it is there (more may be here)."""
        here, there = self.files(), other.files()
        if any(name.startswith(model + "/") for name in there):
            return {n: d for n, d in here.items() if n.startswith(model + "/")} == \
                   {n: d for n, d in there.items() if n.startswith(model + "/")}
        wanted = {n: d for n, d in there.items() if n.startswith(model)}
        index = f"{model}.index"
        if index in wanted:  # of data files only those of the index's own count
            if here.get(index) != wanted[index]:
                return False
            counts = {re.search(r"-of-(\d+)$", n).group(1) for n in wanted if ".data-" in n}
            newest = max(counts)
            wanted = {n: d for n, d in wanted.items() if n.endswith(newest)}
        return all(here.get(name) == data for name, data in wanted.items())

    # ---- the log

    def find(self, path):
        """-> (inode of the folder, name, inode or None) of a path below the root"""
        inode, parts = 0, pathlib.PurePath(os.path.relpath(path, self.root)).parts
        for part in parts[:-1]:
            inode = self.names[inode][part]
        if not parts:
            return None, None, 0
        return inode, parts[-1], self.names[inode].get(parts[-1])

    def read_log(self, path):
        """Turns the log into operations on inodes: ("bytes", inode, offset, data), ("name", folder, name, inode),
        ("gone", folder, name), ("move", folder, name, folder, name), ("exchange", …) and ("sync", inode)."""
        done = Disk.copy_of(self)
        with open(path, "rb") as file:
            while line := file.readline():
                name, target, source, offset, size, at = line.decode().rstrip("\n").split("\t")
                data = file.read(int(size)) if name == "write" else b""
                operation = self.translate(done, name, target, source, int(offset), int(size), int(at), data)
                if operation:
                    self.log.append(operation)
                    done.apply(operation)
        self.done = done

    def translate(self, done, name, target, source, offset, size, at, data):
        folder, last, inode = done.find(target)
        if name == "write":
            return "bytes", inode, offset, data
        if name == "copy":
            return "bytes", inode, offset, done.bytes[done.find(source)[2]][at:at + size]
        if name == "sync":
            return "sync", inode
        if name in ("unlink", "rmdir"):
            return "gone", folder, last
        if name in ("rename", "exchange"):
            return ("move" if name == "rename" else name), *done.find(source)[:2], folder, last
        if name == "link":
            return "name", folder, last, done.find(source)[2]
        if name in ("chmod", "clone"):  # a clone that is not possible is followed by copies
            return None
        child = next(done.fresh)
        if name == "mkdir":
            for disk in (done, self):
                disk.names[child] = {}
        elif name == "symlink":
            for disk in (done, self):
                disk.bytes[child] = source.encode()
        else:
            assert name == "open", name
            for disk in (done, self):
                disk.bytes[child] = b""
        return "name", folder, last, child

    def apply(self, operation):
        kind = operation[0]
        if kind == "bytes":
            _, inode, offset, data = operation
            old = self.bytes[inode].ljust(offset, b"\0")
            self.bytes[inode] = old[:offset] + data + old[offset + len(data):]
        elif kind == "name":
            _, folder, name, inode = operation
            self.names[folder][name] = inode
        elif kind == "gone":
            self.names[operation[1]].pop(operation[2], None)
        elif kind == "move":
            _, old, was, folder, name = operation
            if was in self.names[old]:
                self.names[folder][name] = self.names[old].pop(was)
        elif kind == "exchange":
            _, old, was, folder, name = operation
            if was in self.names[old] and name in self.names[folder]:
                self.names[folder][name], self.names[old][was] = self.names[old][was], self.names[folder][name]

    def after_all(self):
        return self.done

    # ---- power cuts

    @staticmethod
    def is_reached(operation, synced):
        if operation[0] == "bytes":
            return operation[1] in synced
        return operation[1] in synced or (operation[0] in ("move", "exchange") and operation[3] in synced)

    def rebuild(self, upto, lost):
        disk = Disk.copy_of(self)
        for i in range(upto):
            if i not in lost:
                disk.apply(self.log[i])
        return disk

    def power_cuts(self, chance, samples):
        """((operations done, those lost), what is left): at every moment nothing lost, all that can be, each alone, all
        but each, and SAMPLES at random."""
        unsafe = []
        for upto in range(len(self.log) + 1):
            choices = [(), tuple(unsafe)]
            choices += [(i,) for i in unsafe] + [tuple(u for u in unsafe if u != i) for i in unsafe]
            choices += [tuple(u for u in unsafe if chance.random() < 0.5) for _ in range(samples if unsafe else 0)]
            for lost in sorted(set(choices)):
                yield (upto, lost), self.rebuild(upto, set(lost))
            if upto < len(self.log):
                operation = self.log[upto]
                if operation[0] == "sync":
                    unsafe = [i for i in unsafe if not self.is_reached(self.log[i], {operation[1]})]
                else:
                    unsafe.append(upto)
