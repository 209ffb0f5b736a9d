using System.Text;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Runtime.Actors;

/// <summary>The last messages of a system, for the report after a broken invariant. Ids and types only: bodies may hold a user's data.</summary>
internal sealed class MessageTrace
{
    /// <summary>Enough to see what led to a broken invariant, small enough to write at once.</summary>
    public const int Capacity = 1_000;

    private readonly Entry[] _entries = new Entry[Capacity];
    private long _next;

    // Written without a lock: a torn entry can only happen when the ring is lapped during one write, and only costs a wrong line.
    private record struct Entry(long Number, Instant At, ActorId Sender, ActorId Target, Type? Message);

    public void Add(Instant at, ActorId sender, ActorId target, Message message)
    {
        var number = Interlocked.Increment(ref _next);
        _entries[number % Capacity] = new(number, at, sender, target, message.GetType());
    }

    public string Write(string folder, InvariantException broken, ActorId actor)
    {
        var text = new StringBuilder()
            .AppendLine(broken.Message)
            .AppendLine($"in actor {actor}, at {DateTimeOffset.UtcNow:O}")
            .AppendLine(broken.StackTrace)
            .AppendLine()
            .AppendLine($"Last messages, oldest first (number, seconds since start, sender -> receiver, type):");
        foreach (var entry in _entries.Where(e => e.Message is not null).OrderBy(e => e.Number))
        {
            text.AppendLine($"{entry.Number} {entry.At.SinceStart.TotalSeconds:F6} {entry.Sender} -> {entry.Target} {TypeName(entry.Message!)}");
        }

        try
        {
            Directory.CreateDirectory(folder);
            var path = Path.Combine(folder, $"invariant-{DateTime.UtcNow:yyyyMMddTHHmmssfff}-{Environment.ProcessId}.txt");
            File.WriteAllText(path, text.ToString());
            return path;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"(no report: {exception.Message})";
        }
    }

    internal static string TypeName(Type type) => type.DeclaringType is { } family ? $"{family.Name}.{type.Name}" : type.Name;
}
