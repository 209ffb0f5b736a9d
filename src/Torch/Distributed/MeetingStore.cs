using System.Runtime.InteropServices;
using Vae.Torch.Interop;

namespace Vae.Torch.Distributed;

/// <summary>Something that a rank says to all others while a process group is made: libtorch's own words, to be handed on as they are.</summary>
/// <param name="Key">Name of the entry.</param>
/// <param name="Value">Its content.</param>
public readonly record struct MeetingWord(byte[] Key, byte[] Value);

/// <summary>
/// Where the ranks of a process group meet. libtorch's own stores open a port that anybody may write to; this one opens none: what the group says here
/// comes out of <see cref="TryTake"/>, is told to the other ranks over connections that the caller trusts, and goes into their stores by <see cref="Put"/>.
/// Safe for use from several threads.
/// </summary>
public sealed unsafe class MeetingStore : SafeHandle
{
    /// <summary>Most bytes of one word, key and value together.</summary>
    public const int WordBytesMax = 64 * 1024;

    /// <summary>An empty store.</summary>
    /// <exception cref="TorchException">This build has no process groups; the message says what to install.</exception>
    public MeetingStore() : base(0, ownsHandle: true)
    {
        SetHandle(NativeCollective.vae_store_new());
        if (IsInvalid) Status.Throw();
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The oldest word said on this rank that was not taken yet.</summary>
    /// <param name="patience">How long to wait for one, 0 to 1 minute.</param>
    /// <param name="word">The word, when there is one.</param>
    /// <exception cref="TorchException">The word is longer than <see cref="WordBytesMax"/>.</exception>
    public bool TryTake(TimeSpan patience, out MeetingWord word)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(patience, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(patience, TimeSpan.FromMinutes(1));
        word = default;
        var buffer = new byte[WordBytesMax];
        int keyLength, valueLength;
        fixed (byte* start = buffer)
        {
            var taken = NativeCollective.vae_store_take(this, (int)patience.TotalMilliseconds, start, buffer.Length, &keyLength, &valueLength);
            if (taken < 0) Status.Throw();
            if (taken == 0) return false;
        }

        word = new(buffer[..keyLength], buffer[keyLength..(keyLength + valueLength)]);
        return true;
    }

    /// <summary>Puts in what another rank said, and wakes whoever waits for it.</summary>
    public void Put(MeetingWord word)
    {
        fixed (byte* key = word.Key, value = word.Value)
        {
            Status.Check(NativeCollective.vae_store_put(this, key, word.Key.Length, value, word.Value.Length));
        }
    }

    /// <summary>Makes everything that waits for a word fail, now and later.</summary>
    public void GiveUp() => Status.Check(NativeCollective.vae_store_close(this));

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeCollective.vae_store_free(handle);
        return true;
    }
}
