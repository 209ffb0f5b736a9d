using System.Text;
using Vae.Data.Files;

namespace Vae.Tests.Unit.Data;

public class AtomicFileTests
{
    [Fact]
    public void Failure_while_writing_leaves_the_old_file_and_nothing_else()
    {
        using var folder = new TestFolder();
        var path = folder.Write("state", "old"u8.ToArray());

        Assert.Throws<IOException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[1_000_000]);
            throw new IOException("No space left on device");
        }));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Success_replaces_the_whole_content()
    {
        using var folder = new TestFolder();
        var path = folder.Write("state", "a longer old content"u8.ToArray());
        AtomicFile.WriteAllBytes(path, "new"u8.ToArray());

        Assert.Equal("new", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Reader_never_sees_a_part_while_a_writer_replaces_the_file()
    {
        using var folder = new TestFolder();
        var contents = Enumerable.Range(0, 2).Select(i => Encoding.ASCII.GetBytes(new string((char)('a' + i), 300_000))).ToArray();
        var path = folder.Write("state", contents[0]);
        var writer = Task.Run(() =>
        {
            for (var i = 0; i < 40; i++) AtomicFile.WriteAllBytes(path, contents[i % 2]);
        });
        while (!writer.IsCompleted)
        {
            var seen = File.ReadAllBytes(path);
            Assert.Equal(300_000, seen.Length);
            Assert.Equal(-1, seen.AsSpan().IndexOfAnyExcept(seen[0]));
        }

        Assert.True(writer.IsCompletedSuccessfully);
    }

    [Fact]
    public void Missing_folder_is_an_error_that_names_it()
    {
        using var folder = new TestFolder();

        Assert.Contains("gone", Assert.Throws<DirectoryNotFoundException>(() => AtomicFile.WriteAllBytes(folder["gone/state"], new byte[1])).Message, StringComparison.Ordinal);
    }
}
