using Vae.Tests.Unit.Wire;

namespace Vae.Tests.Unit.Actors;

/// <summary>The analyzer that bans these only sees whole projects, and misses types that are merely named; this looks at the text of the pure ring.</summary>
public class PurityTests
{
    private static readonly string[] Folders = ["src/Coordinator/Actors", "src/Coordinator/Projections", "src/Worker/Actors", "src/Shared/Actors", "src/Shared/Messages"];

    private static readonly string[] Banned =
    [
        "DateTime", "TimeProvider", "Stopwatch", "Guid.NewGuid", "new Random", "Random.Shared", "Environment.", "Task<", "Task ", "Task.", "await ", "async ", "Threading", "new Thread", "lock (", "new Timer(",
        "HashCode.", "Socket", "HttpClient", "File.", "Directory.Create", "Directory.Get", "FileStream", "Console.", "ImmutableDictionary",
    ];

    [Fact]
    public void Actors_read_no_clock_start_no_task_and_touch_no_file_or_socket()
    {
        List<string> found = [];
        foreach (var file in Folders.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)))
        {
            var lines = File.ReadAllLines(file);
            for (var i = 0; i < lines.Length; i++)
            {
                var code = lines[i].Split("//")[0];
                found.AddRange(Banned.Where(word => code.Contains(word, StringComparison.Ordinal)).Select(word => $"{Path.GetFileName(file)}:{i + 1}: {word}"));
            }
        }

        Assert.Empty(found);
    }
}
