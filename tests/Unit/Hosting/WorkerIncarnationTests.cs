using Vae.Worker.Hosting;

namespace Vae.Tests.Unit.Hosting;

public sealed class WorkerIncarnationTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vae-incarnation-");
    private readonly SetTime _time = new();

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void F17_a_later_process_has_the_greater_number_also_when_the_clock_was_set_back_meanwhile()
    {
        var first = Next();
        _time.Now -= TimeSpan.FromHours(1);
        var second = Next();
        _time.Now += TimeSpan.FromHours(2);
        var third = Next();
        Assert.True(first < second && second < third);
    }

    [Fact]
    public void A_worker_without_a_past_and_one_whose_file_is_damaged_take_the_time_of_day()
    {
        var first = Next();
        File.WriteAllText(Path.Combine(_folder.FullName, "w-1.incarnation"), "no number");
        _time.Now += TimeSpan.FromMilliseconds(1);
        Assert.Equal(first + 1_000_000, Next());
    }

    private ulong Next() => WorkerIncarnation.Next(_folder.FullName, new("w-1"), _time);

    private sealed class SetTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch + TimeSpan.FromDays(20_000);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
