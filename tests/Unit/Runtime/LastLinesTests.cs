using Microsoft.Extensions.Logging;
using Vae.Runtime.Logging;

namespace Vae.Tests.Unit.Runtime;

public sealed class LastLinesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vae-last-").FullName;

    private string FileName => Path.Combine(_folder, "logs", "w-1.tail");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private LastLines Open() => LastLines.TryOpen(FileName)!;

    [Fact]
    public void What_a_process_logged_last_is_told_to_the_next_one_of_its_name()
    {
        using (var first = Open())
        {
            Assert.Empty(first.Before);
            for (var i = 1; i <= 50; i++) first.Add($"line {i}");
        }

        using var next = Open();
        Assert.Equal(Enumerable.Range(31, LastLines.Count).Select(i => $"line {i}"), next.Before);
    }

    [Fact]
    public void A_process_that_ended_in_good_order_leaves_nothing_to_tell()
    {
        using (var first = Open())
        {
            first.Add("all is well");
            first.EndWell();
            first.Add("said while it ends");
        }

        using var next = Open();
        Assert.Empty(next.Before);
    }

    [Fact]
    public void Lines_come_from_the_log_shortened_to_what_has_room_and_without_control_characters()
    {
        using (var first = Open())
        using (var logs = NodeLogging.Create(LogFormat.Text, verbosity: -5, "w-1", first))
        {
            logs.CreateLogger("worker").LogError(new InvalidOperationException("no\u001b[31m device"), "It {What}", new string('é', 2_000));
        }

        using var next = Open();
        var line = Assert.Single(next.Before);
        Assert.InRange(line.Length, 200, LastLines.LineBytes);
        Assert.DoesNotContain(line, char.IsControl);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(11_000)]
    public void A_file_of_any_content_is_taken_over(int bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(FileName)!);
        File.WriteAllBytes(FileName, [.. Enumerable.Repeat((byte)0xFF, bytes)]);
        using (var first = Open())
        {
            Assert.Empty(first.Before);
            first.Add("new");
        }

        using var next = Open();
        Assert.Equal(["new"], next.Before);
    }

    [Fact]
    public void Where_no_file_can_be_had_the_node_goes_on_without()
    {
        using var first = Open();
        Assert.Null(LastLines.TryOpen(FileName));
        Assert.Null(LastLines.TryOpen(Path.Combine("/proc", "no", "such.tail")));
    }
}
