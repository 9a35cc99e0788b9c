/*
 * A file system that finds names in other spellings, as those of other systems do. It shows a directory, and ignores the
 * case of names, normal forms ("e\u0301" for "\u00e9"), and dots and spaces at the end; it also finds short forms
 * ("SECRET~1.TXT"). Like most of these systems, it keeps the spelling that was asked for. A name "@600.txt" in the
 * directory is shown as 600 times "n" and ".txt", because the underlying names have at most 255 bytes.
 *
 * Run as `odd_names DIRECTORY -f MOUNTPOINT`.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[PATH_MAX];

/* Writes the name under which an entry of the directory is shown to `out`. */
static void shown(const char *name, char *out) {
  int count;
  const char *dot = strchr(name, '.');
  if (name[0] == '@' && dot != NULL && (count = atoi(name + 1)) > 0 && count < 2000) {
    memset(out, 'n', count);
    strcpy(out + count, dot);
  } else {
    strcpy(out, name);
  }
}

/* Writes the form that all spellings of a name have in common to `out`. */
static void folded(const char *name, char *out) {
  char *end = out;
  for (const unsigned char *at = (const unsigned char *)name; *at != 0; at++) {
    if (at[0] == 0xc3 && (at[1] == 0xa9 || at[1] == 0x89)) { /* the letter with its accent */
      end = stpcpy(end, "e\xcc\x81");
      at++;
    } else {
      *end++ = tolower(*at);
    }
  }
  while (end > out && (end[-1] == '.' || end[-1] == ' ')) end--;
  *end = 0;
}

/* Writes the short form of a name to `out`: for more than eight characters before the dot, or more than three after it. */
static void shortened(const char *name, char *out) {
  const char *dot = strrchr(name, '.');
  size_t stem = dot == NULL ? strlen(name) : (size_t)(dot - name);
  out[0] = 0;
  if (stem <= 8 && (dot == NULL || strlen(dot) <= 4)) return;
  sprintf(out, "%.*s~1%.4s", (int)(stem < 6 ? stem : 6), name, dot == NULL ? "" : dot);
}

/* Finds the entry of `directory` that `name` stands for. Returns 0, or -1 when there is none. */
static int find(const char *directory, const char *name, char *entry) {
  static char wanted[8192], other[8192], listed[8192];
  DIR *stream = opendir(directory);
  struct dirent *at;
  int isFound = -1;
  if (stream == NULL) return -1;
  folded(name, wanted);
  while ((at = readdir(stream)) != NULL) {
    shown(at->d_name, listed);
    if (strcmp(listed, name) == 0) {
      strcpy(entry, at->d_name);
      isFound = 0;
      break;
    }
    folded(listed, other);
    if (strcmp(other, wanted) != 0) {
      shortened(listed, other);
      folded(other, listed);
      if (listed[0] == 0 || strcmp(listed, wanted) != 0) continue;
    }
    strcpy(entry, at->d_name);
    isFound = 0;
  }
  closedir(stream);
  return isFound;
}

/* Returns the path below `base` that `path` stands for. Names that do not exist stay as they are. */
static const char *real(const char *path, char *out) {
  char name[8192], entry[8192];
  strcpy(out, base);
  while (*path != 0) {
    const char *end;
    while (*path == '/') path++;
    if (*path == 0) break;
    end = strchrnul(path, '/');
    memcpy(name, path, end - path);
    name[end - path] = 0;
    if (find(out, name, entry) != 0) strcpy(entry, name);
    strcat(strcat(out, "/"), entry);
    path = end;
  }
  return out;
}

static int status(int value) { return value < 0 ? -errno : 0; }

static void *init(struct fuse_conn_info *connection, struct fuse_config *config) {
  (void)connection;
  config->use_ino = 1;
  return NULL;
}

static int get_attributes(const char *path, struct stat *out, struct fuse_file_info *file) {
  char to[32768];
  (void)file;
  return status(lstat(real(path, to), out));
}

static int read_link(const char *path, char *out, size_t size) {
  char to[32768];
  ssize_t length = readlink(real(path, to), out, size - 1);
  if (length < 0) return -errno;
  out[length] = 0;
  return 0;
}

static int read_directory(
  const char *path, void *out, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *file,
  enum fuse_readdir_flags flags
) {
  char to[32768], name[8192];
  DIR *stream = opendir(real(path, to));
  struct dirent *at;
  (void)offset, (void)file, (void)flags;
  if (stream == NULL) return -errno;
  while ((at = readdir(stream)) != NULL) {
    struct stat kind = { .st_ino = at->d_ino, .st_mode = at->d_type << 12 };
    shown(at->d_name, name);
    fill(out, name, &kind, 0, 0);
  }
  closedir(stream);
  return 0;
}

static int open_file(const char *path, struct fuse_file_info *file) {
  char to[32768];
  int fd = open(real(path, to), file->flags & ~O_CREAT);
  if (fd < 0) return -errno;
  file->fh = fd;
  return 0;
}

static int create_file(const char *path, mode_t mode, struct fuse_file_info *file) {
  char to[32768];
  int fd = open(real(path, to), file->flags | O_CREAT, mode);
  if (fd < 0) return -errno;
  file->fh = fd;
  return 0;
}

static int read_file(const char *path, char *out, size_t size, off_t at, struct fuse_file_info *file) {
  ssize_t count = pread(file->fh, out, size, at);
  (void)path;
  return count < 0 ? -errno : count;
}

static int write_file(const char *path, const char *bytes, size_t size, off_t at, struct fuse_file_info *file) {
  ssize_t count = pwrite(file->fh, bytes, size, at);
  (void)path;
  return count < 0 ? -errno : count;
}

static int truncate_file(const char *path, off_t size, struct fuse_file_info *file) {
  char to[32768];
  (void)file;
  return status(truncate(real(path, to), size));
}

static int release(const char *path, struct fuse_file_info *file) {
  (void)path;
  return status(close(file->fh));
}

static int make_directory(const char *path, mode_t mode) {
  char to[32768];
  return status(mkdir(real(path, to), mode));
}

static int remove_file(const char *path) {
  char to[32768];
  return status(unlink(real(path, to)));
}

static int rename_file(const char *from, const char *to, unsigned int flags) {
  char old[32768], new[32768], *slash = strrchr(strcpy(new, to), '/');
  char parent[32768];
  if (flags != 0) return -EINVAL;
  *slash = 0;
  real(new, parent);
  strcat(strcat(parent, "/"), strrchr(to, '/') + 1); /* the new spelling, even if the name exists in another one */
  return status(rename(real(from, old), parent));
}

static const struct fuse_operations operations = {
  .init = init,
  .getattr = get_attributes,
  .readlink = read_link,
  .readdir = read_directory,
  .open = open_file,
  .create = create_file,
  .read = read_file,
  .write = write_file,
  .truncate = truncate_file,
  .release = release,
  .mkdir = make_directory,
  .unlink = remove_file,
  .rename = rename_file,
};

int main(int count, char **words) {
  if (count < 3 || realpath(words[1], base) == NULL) return 2;
  words[1] = words[0];
  return fuse_main(count - 1, words + 1, &operations, NULL);
}
